//! The prompt: say something as the one side, see the verdict and what the other side receives.

use std::io::{BufRead as _, Write as _};

use serde_json::{Value, json};

use super::client::Client;
use super::error::DemoError;
use super::world::{
    Crossing, GEHEIM, OFFEN, RESTRICTED, UNCLASSIFIED, VS_NFD, World, labelled, plain,
};

/// What was typed.
#[derive(Debug, PartialEq, Eq)]
enum Typed<'a> {
    Side(Side),
    Say {
        side: Option<Side>,
        label: Option<&'a str>,
        text: &'a str,
    },
    Help,
    Quit,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    High,
    Low,
}

/// Talks until `/quit` or the end of input.
///
/// # Errors
/// When the room for it cannot be made.
pub fn talk(world: &World) -> Result<(), DemoError> {
    let room = world.wide_room("12")?;
    println!("{HELP}");
    let mut side = Side::High;
    let mut lines = std::io::stdin().lock().lines();
    loop {
        print!("{}> ", name(side));
        let _ = std::io::stdout().flush();
        let Some(Ok(line)) = lines.next() else {
            return Ok(());
        };
        match read(&line) {
            None => {}
            Some(Typed::Quit) => return Ok(()),
            Some(Typed::Help) => println!("{HELP}"),
            Some(Typed::Side(other)) => side = other,
            Some(Typed::Say {
                side: other,
                label,
                text,
            }) => {
                side = other.unwrap_or(side);
                let content =
                    label.map_or_else(|| plain(text), |label| labelled(text, long_name(label)));
                match say(world, &room, side, &content) {
                    Ok(crossing) => tell(side, &crossing),
                    Err(error) => println!("  {error}"),
                }
            }
        }
    }
}

fn read(line: &str) -> Option<Typed<'_>> {
    let line = line.trim();
    let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
    let rest = rest.trim();
    let on = |side| {
        if rest.is_empty() {
            Typed::Side(side)
        } else {
            Typed::Say {
                side: Some(side),
                label: None,
                text: rest,
            }
        }
    };
    match word {
        "" => None,
        "/quit" | "/q" => Some(Typed::Quit),
        "/high" => Some(on(Side::High)),
        "/low" => Some(on(Side::Low)),
        "/label" => match rest.split_once(' ') {
            Some((label, text)) => Some(Typed::Say {
                side: None,
                label: Some(label),
                text: text.trim(),
            }),
            None => Some(Typed::Help),
        },
        _ if word.starts_with('/') => Some(Typed::Help),
        _ => Some(Typed::Say {
            side: None,
            label: None,
            text: line,
        }),
    }
}

fn say(world: &World, room: &str, side: Side, content: &Value) -> Result<Crossing, DemoError> {
    let (speaker, listener): (&Client, &Client) = match side {
        Side::High => (&world.alice, &world.bob),
        Side::Low => (&world.bob, &world.alice),
    };
    world.say(room, speaker, listener, content)
}

fn tell(side: Side, crossing: &Crossing) {
    let verdict = crossing
        .ruling
        .as_ref()
        .map_or("not seen by the gateway", |ruling| &ruling.verdict);
    let other = match side {
        Side::High => Side::Low,
        Side::Low => Side::High,
    };
    let body = crossing
        .content
        .get("body")
        .cloned()
        .unwrap_or_else(|| json!("(an empty event)"));
    println!(
        "  {verdict} by {} | label {} | {} receives {body} | {} ms",
        crossing.rule(),
        crossing.told(),
        name(other),
        crossing.took.as_millis()
    );
}

fn name(side: Side) -> &'static str {
    match side {
        Side::High => "high",
        Side::Low => "low",
    }
}

/// Level names have spaces; people type the short forms.
fn long_name(label: &str) -> &str {
    match label.to_ascii_lowercase().as_str() {
        "offen" => OFFEN,
        "vs-nfd" => VS_NFD,
        "geheim" => GEHEIM,
        "nu" => UNCLASSIFIED,
        "nr" => RESTRICTED,
        _ => label,
    }
}

const HELP: &str = "\
Type a message to send it as alice (high) or bob (low):
  /high [TEXT], /low [TEXT]   switch sides, and say it there
  /label NAME TEXT            say it with a label: OFFEN, VS-NfD, GEHEIM, NU, NR
  [VS-NfD] TEXT               say it with a marking, as people type them; the room is VS-NfD
  /quit                       stop everything";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_is_understood() {
        assert_eq!(read("  "), None);
        assert_eq!(
            read("hallo du"),
            Some(Typed::Say {
                side: None,
                label: None,
                text: "hallo du"
            })
        );
        assert_eq!(read("/low"), Some(Typed::Side(Side::Low)));
        assert_eq!(
            read("/high hallo du"),
            Some(Typed::Say {
                side: Some(Side::High),
                label: None,
                text: "hallo du"
            })
        );
        assert_eq!(
            read("/label VS-NfD Lage um 12"),
            Some(Typed::Say {
                side: None,
                label: Some("VS-NfD"),
                text: "Lage um 12"
            })
        );
        assert_eq!(read("/label GEHEIM"), Some(Typed::Help));
        assert_eq!(read("/what"), Some(Typed::Help));
        assert_eq!(read("/quit"), Some(Typed::Quit));
    }

    #[test]
    fn short_names_stand_for_the_policys_names() {
        assert_eq!(long_name("vs-nfd"), VS_NFD);
        assert_eq!(long_name("NR"), RESTRICTED);
        assert_eq!(long_name("VS-VERTRAULICH"), "VS-VERTRAULICH");
    }
}
