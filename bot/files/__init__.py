"""Gets and keeps bytes: downloads, the clip cache, the bucket, posters."""
