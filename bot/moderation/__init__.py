"""What moderators and people may ask about limits, money and themselves."""
