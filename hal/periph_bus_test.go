package hal

import (
	"reflect"
	"testing"
	"unsafe"

	"periph.io/x/host/v3/sysfs"
)

// periphKernel stands where periph's i2c-dev bus keeps its file, and takes its
// ioctl as our fake kernel takes ours.
type periphKernel struct {
	fakeKernel
	ops []uint
}

func (k *periphKernel) Close() error { return nil }

func (k *periphKernel) Ioctl(op uint, data uintptr) error {
	k.ops = append(k.ops, op)
	set := *(**struct {
		first *message
		count uint32
	})(unsafe.Pointer(&data))
	k.take(set.first, set.count)
	return k.err
}

// periphBus returns periph's own bus on top of k. Its file is a private field,
// hence the reflection.
func periphBus(t *testing.T, k *periphKernel) *sysfs.I2C {
	bus := &sysfs.I2C{}
	f := reflect.ValueOf(bus).Elem().FieldByName("f")
	if !f.IsValid() || !reflect.TypeOf(k).Implements(f.Type()) {
		t.Fatal("periph's I2C has changed; adapt this test to where it keeps its file")
	}
	reflect.NewAt(f.Type(), unsafe.Pointer(f.UnsafeAddr())).Elem().Set(reflect.ValueOf(k))
	return bus
}

// Message for message, periph host's bus asks the kernel for the same
// transfers as ours and hands out the same answers.
func TestSameTransfersAsPeriph(t *testing.T) {
	for _, c := range transfers {
		ours, theirs := &fakeKernel{}, &periphKernel{}
		r1, r2 := make([]byte, c.r), make([]byte, c.r)
		if err := fakeBus(ours).Tx(c.addr, c.w, r1); err != nil {
			t.Fatalf("%s: ours: %v", c.name, err)
		}
		if err := onSteadyStack(func() error { return periphBus(t, theirs).Tx(c.addr, c.w, r2) }); err != nil {
			t.Fatalf("%s: periph's: %v", c.name, err)
		}
		if !reflect.DeepEqual(ours.sets, theirs.sets) {
			t.Errorf("%s: ours asked for %v, periph's for %v", c.name, ours.sets, theirs.sets)
		}
		if len(theirs.ops) != 1 || theirs.ops[0] != ioctlRDWR {
			t.Errorf("%s: periph's ioctls are %#x, ours 0x%x", c.name, theirs.ops, ioctlRDWR)
		}
		if string(r1) != string(r2) {
			t.Errorf("%s: ours read % x, periph's % x", c.name, r1, r2)
		}
	}
}

// onSteadyStack calls f deep enough in a stack that has room left, so that it
// neither grows nor shrinks meanwhile: periph keeps addresses of its stack in
// uintptrs, which would then point nowhere.
//
//go:noinline
func onSteadyStack(f func() error) error {
	var pad [40 << 10]byte // the stack doubles to 64 KiB; more than a quarter is in use
	err := f()
	pad[len(pad)/2]++
	return err
}
