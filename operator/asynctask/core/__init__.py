"""The rules: pure and synchronous. Time is an argument, nothing here reads or writes anything."""
