//! Sluice: a secure border and cross-domain gateway for Matrix federation.
