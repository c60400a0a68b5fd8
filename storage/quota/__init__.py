"""How much may be spent: rules, where a person stands, and the decision on each order."""
