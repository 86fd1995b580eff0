"""The shell: parse, then call a plain function that anyone can import."""
