package config

// KeyDoc documents one key.
type KeyDoc struct{ Key, Type, Range, Default, Meaning string }

// Keys documents every key of the live file, in its order.
func Keys() []KeyDoc { return nil }

// IdentityKeys documents every key of the identity, in its order.
func IdentityKeys() []KeyDoc { return nil }

// Default returns a complete, commented live file.
func Default() []byte { return nil }

// Set changes one key of a TOML file and keeps every other byte.
func Set(data []byte, key, value string) ([]byte, error) { return nil, nil }
