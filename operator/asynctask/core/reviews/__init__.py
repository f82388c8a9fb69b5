"""Human review, as far as it is rules: whose decisions count, and which items are struck off a list."""
