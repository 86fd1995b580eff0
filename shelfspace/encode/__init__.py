"""What answering needs of the towers, without torch: onnxruntime and numpy run what training exported."""
