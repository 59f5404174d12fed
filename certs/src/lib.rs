//! The certificates of a federation: its own CA, gateway certificates, and the check of a peer's certificate.
