"""What server and clients send each other: values, Flower records, encodings, client state."""
