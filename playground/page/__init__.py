"""The playground's page, and the websocket behind it."""
