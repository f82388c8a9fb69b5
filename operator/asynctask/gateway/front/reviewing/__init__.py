"""Human review: who may decide on a stage, what is struck off its list, and how a decision is written down."""
