#![allow(
    clippy::unwrap_used,
    reason = "a test that fails here has found its fault"
)]
use super::*;

/// 64 bytes of base64; what they are does not matter to the form.
fn sig() -> String {
    STANDARD_NO_PAD.encode([7; 64])
}

fn low_to_high() -> XMatrix {
    XMatrix {
        origin: "low.test".into(),
        destination: "high.test".into(),
        key: "ed25519:a1".into(),
        sig: sig(),
    }
}

fn parse(rest: &str) -> Result<XMatrix, XMatrixError> {
    XMatrix::parse(&rest.replace("SIG", &sig()))
}

#[test]
fn what_low_signs_is_read_and_written_the_same() {
    let written = low_to_high().format();
    assert_eq!(XMatrix::parse(&written), Ok(low_to_high()));
}

#[test]
fn every_spelling_that_the_specification_allows_means_the_same() {
    for spelling in [
        r#"X-Matrix origin="low.test",destination="high.test",key="ed25519:a1",sig="SIG""#,
        r#"x-mATRIX    origin=low.test,destination=high.test,key=ed25519:a1,sig=SIG"#,
        r#"X-Matrix Origin="low.test" , DESTINATION = "high.test",	key="ed25519:a1",sig="SIG""#,
        r#"X-Matrix sig="SIG",key="ed25519:a1",destination="high.test",origin="low.test",colour="blue, red""#,
        r#"X-Matrix origin="l\ow.test",destination="high.test",key="ed25519:a1",sig="SIG""#,
    ] {
        assert_eq!(parse(spelling), Ok(low_to_high()), "{spelling}");
    }
}

#[test]
fn ports_are_part_of_a_name_quoted_or_bare() {
    let read =
        parse("X-Matrix origin=low.test:8999,destination=high.test:1,key=ed25519:a1,sig=SIG");
    assert_eq!(read.unwrap().origin, "low.test:8999");
}

#[test]
fn a_request_for_nobody_in_particular_is_refused() {
    let read = parse(r#"X-Matrix origin="low.test",key="ed25519:a1",sig="SIG""#);
    assert_eq!(read, Err(XMatrixError::Missing("destination")));
}

#[test]
fn two_origins_are_refused_even_when_equal_or_spelt_differently() {
    for twice in [
        "origin=low.test",
        "ORIGIN=\"low.test\"",
        "origin=mallory.test",
    ] {
        let header = format!(
            "X-Matrix origin=low.test,destination=high.test,key=ed25519:a1,sig=SIG,{twice}"
        );
        assert_eq!(parse(&header), Err(XMatrixError::Duplicate), "{twice}");
    }
    let unknown = "X-Matrix origin=low.test,destination=high.test,key=ed25519:a1,sig=SIG,x=1,x=1";
    assert_eq!(parse(unknown), Err(XMatrixError::Duplicate));
}

#[test]
fn names_that_are_not_plain_lower_case_dns_names_are_refused() {
    for name in [
        "Low.test",
        "LOW.TEST",
        "127.0.0.1",
        "[::1]",
        "low.test:",
        "low.test:0",
        "low.test:08448",
        "low.test:70000",
        "low..test",
        ".low.test",
        "low.test.",
        "-low.test",
        "low_.test",
        "lów.test",
        "low.test/",
        "low@test",
        "",
        "low.test:8448:8448",
        "low.test:+1",
    ] {
        assert!(!is_server_name(name), "{name}");
        let header = format!(
            r#"X-Matrix origin="{name}",destination="high.test",key="ed25519:a1",sig="SIG""#
        );
        assert_eq!(parse(&header), Err(XMatrixError::Value("origin")), "{name}");
    }
    assert!(!is_server_name(&format!("{}.test", "a.".repeat(150))));
}

#[test]
fn keys_and_signatures_have_one_shape() {
    for (key, sig, blamed) in [
        ("rsa:a1", sig(), "key"),
        ("ed25519:", sig(), "key"),
        ("ed25519:a-1", sig(), "key"),
        ("ed25519:a1", "AAAA".into(), "sig"),
        ("ed25519:a1", format!("{}AAAA", sig()), "sig"),
        ("ed25519:a1", "*".repeat(86), "sig"),
    ] {
        let header = format!(
            r#"X-Matrix origin="low.test",destination="high.test",key="{key}",sig="{sig}""#
        );
        assert_eq!(XMatrix::parse(&header), Err(XMatrixError::Value(blamed)));
    }
}

#[test]
fn broken_lists_are_refused() {
    for header in [
        "X-Matrix",
        "X-Matrix ",
        "X-Matrix ,",
        "X-Matrix origin",
        "X-Matrix origin=",
        "X-Matrix =low.test",
        "X-Matrix origin=\"low.test",
        "X-Matrix origin=\"low.test\\",
        "X-Matrix origin=\"low.test\"x",
        "X-Matrix origin=low.test,,sig=a",
        "X-Matrix origin=low.test sig=a",
        "X-Matrix origin=low.test,",
    ] {
        assert!(
            matches!(
                XMatrix::parse(header),
                Err(XMatrixError::Syntax | XMatrixError::Scheme)
            ),
            "{header}"
        );
    }
    assert_eq!(XMatrix::parse("Bearer abc"), Err(XMatrixError::Scheme));
    let long = format!("X-Matrix {}", "a=1,".repeat(1000));
    assert_eq!(XMatrix::parse(&long), Err(XMatrixError::TooLong));
    let many: Vec<_> = (0..20).map(|n| format!("p{n}=1")).collect();
    assert_eq!(
        XMatrix::parse(&format!("X-Matrix {}", many.join(","))),
        Err(XMatrixError::TooLong)
    );
}

#[test]
fn debug_does_not_show_the_signature() {
    let shown = format!("{:?}", low_to_high());
    assert!(shown.contains("low.test") && !shown.contains(&sig()));
}
