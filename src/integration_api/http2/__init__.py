"""HTTP/2 on the wire, whichever side we are on."""
