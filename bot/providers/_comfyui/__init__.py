"""Parts of the ComfyUI provider: servers, workflows, and what is known of both."""
