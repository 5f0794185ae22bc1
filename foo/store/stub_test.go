package store

import bolt "go.etcd.io/bbolt"

func commitReally(tx *bolt.Tx) error       { return tx.Commit() }
func writeUntilKilled(args []string) error { return nil }
func openOnce(args []string) error         { return nil }
func setWithoutSync(args []string) error   { return nil }
