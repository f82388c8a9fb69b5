"""Who changed what: each change is answered only once its record is where a crash can't take it."""
