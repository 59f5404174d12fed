//! End-to-end tests: real homeservers, real clients, an adversarial peer, load.
