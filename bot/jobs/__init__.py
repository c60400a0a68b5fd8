"""Moves a job from queued to done."""
