package explain

import (
	"strings"
	"testing"
)

func TestReadCSV(t *testing.T) {
	for _, c := range []struct {
		name, in string
		rows     int
		err      string
	}{
		{"real and predict", "a,b,real,predict\na1,b1,3,2.5\na2,,0,1\n", 2, ""},
		{"count and baseline", "a,count,baseline\na1,3,2\n", 1, ""},
		{"byte order mark, capitals, spaces", "\ufeffa, Real ,Predict\na1, 3 ,2\n", 1, ""},
		{"quoted value", "a,real,predict\n\"x,y\",1,2\n", 1, ""},
		{"rows with the same values", "a,real,predict\na1,1,2\na1,3,4\n", 2, ""},
		{"empty", "", 0, "the file is empty"},
		{"header alone", "a,real,predict\n", 0, "no row follows the header"},
		{"no expected column", "a,real\na1,3\n", 0, "the last two columns must be real,predict or count,baseline"},
		{"counts swapped", "a,predict,real\na1,3,2\n", 0, "the last two columns must be"},
		{"no attribute", "real,predict\n1,2\n", 0, "no attribute column"},
		{"attribute twice", "a,a,real,predict\n1,1,1,2\n", 0, `attribute "a" stands twice`},
		{"attribute without a name", "a,,real,predict\n1,1,1,2\n", 0, "column 2 has no name"},
		{"negative", "a,real,predict\na1,1,1\na1,-3,2\n", 0, "line 3: real is negative: -3"},
		{"missing", "a,real,predict\na1,3,\n", 0, "line 2: predict is missing"},
		{"not a number", "a,real,predict\na1,many,1\n", 0, `line 2: real is not a number: "many"`},
		{"infinite", "a,real,predict\na1,1,inf\n", 0, `line 2: predict is not a number: "inf"`},
		{"too large", "a,real,predict\na1,1e16,1\n", 0, "line 2: real is too large: 1e16"},
		{"too few fields", "a,real,predict\na1,1\n", 0, "line 2: wrong number of fields"},
	} {
		t.Run(c.name, func(t *testing.T) {
			table, err := ReadCSV(strings.NewReader(c.in))
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Fatalf("error %v, want one that says %q", err, c.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if table.Len() != c.rows {
				t.Errorf("%d rows, want %d", table.Len(), c.rows)
			}
		})
	}
}

func FuzzReadCSV(f *testing.F) {
	f.Add("a,b,real,predict\na1,b1,3,2.5\na2,,0,1\n")
	f.Add("a,count,baseline\n\"x\ny\",1e300,1e-300\n")
	f.Fuzz(func(t *testing.T, in string) {
		table, err := ReadCSV(strings.NewReader(in))
		if err != nil {
			return
		}
		r := Explain(table, Options{Windows: 3})
		share := r.UnexplainedShare
		for _, c := range r.Causes {
			share += c.Share
			if len(c.Where) == 0 {
				t.Error("a cause without items")
			}
		}
		if !(share <= 1+1e-9) {
			t.Errorf("shares add up to %v", share)
		}
	})
}
