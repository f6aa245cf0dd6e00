package main

import (
	"context"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
	"go.etcd.io/etcd/server/v3/embed"
	"go.uber.org/zap"
)

// etcdKind is one node of etcd in this process; holders are its clients over
// loopback. Its sessions have a lease of 10 s (the default is 60 s).
var etcdKind = kind{
	name: "etcd, embedded", turns: 100, runs: 3, boots: 1, durable: "every lock and lease",
	open: openEtcd, begin: beginEtcd,
	reboot: func(string) error { closeEtcd(); return startEtcd() },
}

const (
	etcdTTL = 10 // seconds
	etcdEnv = "AIMLOCKS_ETCD"
)

var etcd struct {
	server *embed.Etcd
	dir    string
}

func beginEtcd(dir string) error {
	etcd.dir = dir
	return startEtcd()
}

func startEtcd() error {
	c := embed.NewConfig()
	c.Dir = etcd.dir
	c.ZapLoggerBuilder = embed.NewZapLoggerBuilder(zap.NewNop())
	loopback := []url.URL{{Scheme: "http", Host: "127.0.0.1:0"}}
	c.ListenClientUrls, c.AdvertiseClientUrls, c.ListenPeerUrls, c.AdvertisePeerUrls = loopback, loopback, loopback, loopback
	c.InitialCluster = c.InitialClusterFromName(c.Name)
	server, err := embed.StartEtcd(c)
	if err != nil {
		return err
	}
	etcd.server = server
	select {
	case <-server.Server.ReadyNotify():
	case <-time.After(20 * time.Second):
		return errors.New("etcd is not ready after 20 s")
	}
	return os.Setenv(etcdEnv, server.Clients[0].Addr().String())
}

func closeEtcd() {
	if etcd.server != nil {
		etcd.server.Close()
		etcd.server = nil
	}
}

type etcdLock struct {
	client  *clientv3.Client
	session *concurrency.Session
	key     string
}

func openEtcd(dir string) (lock, error) {
	client, err := clientv3.New(clientv3.Config{Endpoints: []string{os.Getenv(etcdEnv)}, DialTimeout: 5 * time.Second, Logger: zap.NewNop()})
	if err != nil {
		return nil, err
	}
	session, err := concurrency.NewSession(client, concurrency.WithTTL(etcdTTL))
	if err != nil {
		return nil, errors.Join(err, client.Close())
	}
	return &etcdLock{client, session, "/" + filepath.Base(dir)}, nil
}

func (e *etcdLock) close() {
	_ = e.session.Close()
	_ = e.client.Close()
}

type etcdHeld struct {
	e *etcdLock
	m *concurrency.Mutex
}

func (e *etcdLock) acquire(ctx context.Context) (held, error) {
	m := concurrency.NewMutex(e.session, e.key)
	if err := m.Lock(ctx); err != nil {
		return nil, err
	}
	return etcdHeld{e, m}, nil
}

func (e *etcdLock) await(ctx context.Context) error {
	h, err := e.acquire(ctx)
	if err != nil {
		return err
	}
	return h.release()
}

func (e *etcdLock) steal(ctx context.Context, _ int) (held, bool, error) {
	h, err := e.acquire(ctx)
	return h, false, err
}

func (h etcdHeld) release() error { return h.m.Unlock(context.Background()) }

// write asks etcd whether the lock is still ours. The file is not etcd's, so
// that the answer may be old when the write happens.
func (h etcdHeld) write(path, text string, checked func()) error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	answer, err := h.e.client.Txn(ctx).If(h.m.IsOwner()).Commit()
	if err != nil {
		return err
	}
	if !answer.Succeeded {
		return errors.New("the lock is another's")
	}
	checked()
	return replace(path, text)
}
