package config

// KeyDoc documents one key. Default is written as in the file.
type KeyDoc struct{ Key, Type, Range, Default, Meaning string }

// Keys documents every key of the live file, in its order.
func Keys() []KeyDoc { return new(liveForm).schema().docs() }

// IdentityKeys documents every key of the identity, in its order.
func IdentityKeys() []KeyDoc { return identitySchema(new(Identity), new(int64)).docs() }

func (s schema) docs() []KeyDoc {
	docs := make([]KeyDoc, len(s.fields))
	for i, f := range s.fields {
		docs[i] = f.KeyDoc
	}
	return docs
}
