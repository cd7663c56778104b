package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/autonomics-dev/autonomics/internal/app"
	"github.com/autonomics-dev/autonomics/internal/prove/draw"
	"github.com/autonomics-dev/autonomics/internal/spec"
)

// A picture is what is to be drawn of a spec.
type picture struct{ format, profile, file string }

func (g *picture) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&g.format, "graph", "", "draw the machine instead: mermaid or svg")
	cmd.Flags().StringVar(&g.profile, "profile", "standard", "profile to draw")
	cmd.Flags().StringVarP(&g.file, "output", "o", "", "file to draw into instead of standard output")
	cmd.MarkFlagsMutuallyExclusive("graph", "json", "schema")
}

// draw pictures a spec that can be compiled; what else is wrong with it may
// be what the picture is wanted for.
func (w *world) draw(g *picture, files []string) error {
	if len(files) != 1 {
		return fmt.Errorf("check --graph: want one spec, have %d", len(files))
	}
	src, err := app.ReadSpec(files[0])
	if err != nil {
		return err
	}
	doc, complaints := spec.Parse(files[0], src)
	if complaints != nil {
		return no("%v", complaints[0])
	}
	p, complaints := spec.Compile(doc, g.profile, nil)
	if complaints != nil {
		return no("%v", complaints[0])
	}
	var picture []byte
	switch g.format {
	case "mermaid":
		picture = draw.Mermaid(p)
	case "svg":
		picture = draw.SVG(p)
	default:
		return fmt.Errorf("check --graph %s: want mermaid or svg", g.format)
	}
	if g.file == "" {
		_, err = w.out.Write(picture)
	} else {
		err = os.WriteFile(g.file, picture, 0o644)
	}
	return err
}
