//! The judgement of Sluice: canonical JSON, event facts, labels, detectors and the policy engine. No I/O.
