"""The command line of tma-prep: parse, call the library, print."""
