"""Cases for notebook autograders, and what runs them: from `cases/*.toml` to a `Finding` for each case."""
