"""What several test files share: a bot in a playground, doubles, footage."""
