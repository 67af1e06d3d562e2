"""Pure core of monitoring: decides, and touches nothing."""
