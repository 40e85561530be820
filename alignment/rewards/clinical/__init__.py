"""What a response says, held against the knowledge base; read by the clinical reward channels. A reconstruction."""
