package api

import (
	"reflect"
	"time"
)

// whole is a copy in which a list that is not there is an empty one, so that no
// program has to tell the two apart. What it is given is not changed: others may
// read it.
func whole[T any](v *T) *T {
	if v == nil {
		return nil
	}
	out := new(T)
	copyWhole(reflect.ValueOf(out).Elem(), reflect.ValueOf(v).Elem())
	return out
}

var timeType = reflect.TypeFor[time.Time]()

func copyWhole(to, from reflect.Value) {
	to.Set(from) // with what is not exported
	switch from.Kind() {
	case reflect.Pointer:
		if !from.IsNil() {
			to.Set(reflect.New(from.Type().Elem()))
			copyWhole(to.Elem(), from.Elem())
		}
	case reflect.Slice:
		to.Set(reflect.MakeSlice(from.Type(), from.Len(), from.Len()))
		for i := range from.Len() {
			copyWhole(to.Index(i), from.Index(i))
		}
	case reflect.Struct:
		if from.Type() == timeType {
			return
		}
		for i := range from.NumField() {
			if f := from.Type().Field(i); f.IsExported() {
				copyWhole(to.Field(i), from.Field(i))
			}
		}
	}
}
