"""What rewrites the documents and pictures of the repository."""
