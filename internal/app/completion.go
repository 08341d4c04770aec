package app

import (
	"strings"

	"github.com/spf13/cobra"

	"mailvigil/internal/config"
)

// completionCommand stands in for cobra's own: one page instead of five, and a
// wrong shell is an error rather than a help text.
func (a *app) completionCommand() *cobra.Command {
	shells := []string{"bash", "zsh", "fish"}
	return &cobra.Command{
		Use:   "completion SHELL",
		Short: "Write the completion script for bash, zsh or fish",
		Example: `  mailvigil completion bash > /etc/bash_completion.d/mailvigil
  mailvigil completion zsh > "${fpath[1]}/_mailvigil"
  mailvigil completion fish > ~/.config/fish/completions/mailvigil.fish`,
		ValidArgs: shells,
		Args:      cobra.MatchAll(atLeast(1, "the shell (bash, zsh or fish)"), atMost(1, "one shell at a time")),
		RunE: func(cmd *cobra.Command, args []string) error {
			root := cmd.Root()
			switch args[0] {
			case "bash":
				return root.GenBashCompletionV2(a.stdout, true)
			case "zsh":
				return root.GenZshCompletion(a.stdout)
			case "fish":
				return root.GenFishCompletion(a.stdout, true)
			}
			if near := config.Closest(args[0], shells); near != "" {
				return usagef("there is no completion for %q; did you mean %s?", args[0], near)
			}
			return usagef("there is no completion for %q; there is one for %s", args[0], strings.Join(shells, ", "))
		},
	}
}

// helpCommand stands in for cobra's own, which takes an unknown command for a
// question about the program.
func (a *app) helpCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Explain a command",
		RunE: func(cmd *cobra.Command, args []string) error {
			about, rest, err := cmd.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return a.noSuchCommand(cmd.Root(), args)
			}
			about.InitDefaultHelpFlag()
			return about.Help()
		},
	}
}
