"""The API for people and programs: operations over resources, each typed, authorised, audited and described."""
