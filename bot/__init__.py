"""What happens: orders are taken, providers are asked, clips are delivered."""
