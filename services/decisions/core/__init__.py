"""What decisions decides, pure: no I/O, no clock, no chance. Time, ids and the calendar are arguments; what happened is returned."""
