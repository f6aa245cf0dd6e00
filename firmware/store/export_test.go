package store

// EditsKept are the hashes of the local edits that are remembered.
func (s *Store) EditsKept() (shas []string) {
	for _, e := range s.cur.Load().Edits {
		shas = append(shas, e.SHA256)
	}
	return shas
}

// Load is the proven content of a hash.
func (s *Store) Load(sha string) ([]byte, error) { return s.load(Meta{SHA256: sha}) }
