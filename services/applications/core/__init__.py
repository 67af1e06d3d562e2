"""What is decided about applications and pilots: pure functions of the state, what happened and the time."""
