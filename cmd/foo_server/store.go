// This file owns where the server's keys are kept: which store is opened, that the
// log says so, and that it is closed. It must not know what is kept.
package main

import (
	"go.uber.org/zap"

	"fooproxy/foo/kv"
	"fooproxy/foo/server"
)

// keeper is a server with a store that is closed after it.
type keeper struct {
	*server.Server
	store kv.Store
	path  string // empty: in memory
	log   *zap.Logger
}

// newKeeper opens the store first: a server without its keys is none.
func newKeeper(config server.Config, path string) (k *keeper, err error) {
	k = &keeper{path: path, log: config.Log, store: kv.NewMemory()}
	if path != "" {
		if k.store, err = kv.Open(path, config.Log); err != nil {
			return nil, err
		}
	}
	config.Store = k.store
	if k.Server, err = server.New(config); err != nil {
		_ = k.Close() // that nothing can be served says it all
		return nil, err
	}
	return k, nil
}

// Run implements loop.Service.
func (k *keeper) Run() error {
	id := zap.Stringer("store", k.store.ID())
	if k.path == "" {
		k.log.Info("keys are kept in memory only", id)
	} else {
		k.log.Info("keys are kept in a file", zap.String("path", k.path), id)
	}
	return k.Server.Run()
}

// Close implements loop.Closing: what clients have asked for is done first.
func (k *keeper) Close() error {
	store := k.store
	if k.store = nil; store == nil {
		return nil
	}
	return store.Close()
}
