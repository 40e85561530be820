"""The Qwen2 decoder as pure functions, and its weights in and out of the Hugging Face layout."""
