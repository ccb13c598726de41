"""Questions + a live generation -> RAFT, DSF and CPT sets."""
