"""What admission makes of a synthetic day, and what a pass costs."""
