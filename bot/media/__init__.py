"""Reads and writes pictures, sounds and clips; knows no job."""
