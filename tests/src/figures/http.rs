//! Just enough HTTP/1.1 for a load generator and the stub behind the gateways: whole messages with a `Content-Length`,
//! read through a buffer.

use std::io::{self, BufRead};

/// Longest line of a head.
const MAX_LINE: usize = 16 * 1024;

/// One message: its first line and its body.
#[derive(Debug)]
pub struct Message {
    /// Request line or status line.
    pub start: String,
    /// Body.
    pub body: Vec<u8>,
}

impl Message {
    /// Second word of the first line: target of a request, status of an answer.
    #[must_use]
    pub fn second(&self) -> &str {
        self.start.split(' ').nth(1).unwrap_or_default()
    }
}

/// Reads one message; `None` where the connection ends before one begins.
///
/// # Errors
/// Where it ends inside of one, or a line is too long.
pub fn read(stream: &mut impl BufRead) -> io::Result<Option<Message>> {
    let mut start = String::new();
    if line(stream, &mut start)? == 0 {
        return Ok(None);
    }
    let (mut length, mut field) = (0, String::new());
    loop {
        field.clear();
        if line(stream, &mut field)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let Some((name, value)) = field.split_once(':') else {
            break;
        };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().map_err(io::Error::other)?;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    Ok(Some(Message { start, body }))
}

fn line(stream: &mut impl BufRead, text: &mut String) -> io::Result<usize> {
    let count = stream.read_line(text)?;
    if count > MAX_LINE {
        return Err(io::ErrorKind::InvalidData.into());
    }
    text.truncate(text.trim_end().len());
    Ok(count)
}

/// The bytes of an answer `200` with a JSON body.
#[must_use]
pub fn answer(status: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_messages_on_one_connection_are_told_apart() {
        let bytes = [answer("200 OK", b"{}"), answer("404 Not Found", b"[1]")].concat();
        let mut stream = bytes.as_slice();
        let first = must_read(&mut stream);
        let second = must_read(&mut stream);
        assert_eq!(
            (first.second(), first.body.as_slice()),
            ("200", b"{}".as_slice())
        );
        assert_eq!(
            (second.second(), second.body.as_slice()),
            ("404", b"[1]".as_slice())
        );
        assert!(read(&mut stream).is_ok_and(|end| end.is_none()));
    }

    fn must_read(stream: &mut &[u8]) -> Message {
        match read(stream) {
            Ok(Some(message)) => message,
            other => panic!("{other:?}"),
        }
    }
}
