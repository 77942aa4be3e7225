// Checks a C2SP tlog-tiles folder with Go's own golang.org/x/mod/sumdb: signatures, every tile, every
// entry, and that it extends what was kept of it before. It shares no code with what wrote the log.
//
//	logcheck [-kept FILE]... [-witness VKEY]... [-quorum K] [-also VKEY]... [-payloads] FOLDER VKEY
//
// It ends with one line, and with 0 if that begins with OK. Else the line begins with the reason:
// SIGNATURE, QUORUM, DAMAGED, ROLLBACK, FORK or MALFORMED.
package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const (
	height = 8 // of a tile
	full   = 1 << height
)

func main() {
	var kept, witnesses, also list
	flag.Var(&kept, "kept", "a checkpoint kept from before, which the log must extend")
	flag.Var(&witnesses, "witness", "verifier key of a witness (cosignature/v1)")
	flag.Var(&also, "also", "another verifier key that the log may be signed with")
	quorum := flag.Int("quorum", -1, "how many witnesses must have cosigned; all of them if left out")
	payloads := flag.Bool("payloads", false, "print the payload of every entry's DSSE envelope, a line each")
	flag.Parse()
	if flag.NArg() != 2 {
		flag.Usage()
		os.Exit(2)
	}
	if *quorum < 0 {
		*quorum = len(witnesses)
	}
	log := folder(flag.Arg(0))
	logKeys := append(list{flag.Arg(1)}, also...)
	said, err := check(log, logKeys, witnesses, *quorum, kept, *payloads)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(said)
}

func check(log folder, logKeys, witnesses list, quorum int, kept list, payloads bool) (string, error) {
	text, err := os.ReadFile(filepath.Join(string(log), "checkpoint"))
	if err != nil {
		return "", fmt.Errorf("DAMAGED checkpoint: %v", err)
	}
	tree, err := open("checkpoint", text, logKeys, witnesses, quorum)
	if err != nil {
		return "", err
	}
	var before []tlog.Tree
	for _, path := range kept {
		text, err := os.ReadFile(path)
		if err != nil {
			return "", fmt.Errorf("MALFORMED %s: %v", path, err)
		}
		old, err := open(path, text, logKeys, nil, 0)
		if err != nil {
			return "", err
		}
		if old.N > tree.N {
			return "", fmt.Errorf("ROLLBACK from %d entries to %d", old.N, tree.N)
		}
		before = append(before, old)
	}
	entries, err := log.entries(tree.N)
	if err != nil {
		return "", err
	}
	if err := log.whole(tree, entries); err != nil {
		return "", err
	}
	for _, old := range before {
		if err := extends(tree, old, tlog.TileHashReader(tree, log)); err != nil {
			return "", err
		}
	}
	if payloads {
		for i, entry := range entries {
			var envelope struct{ Payload []byte }
			var line bytes.Buffer
			if json.Unmarshal(entry, &envelope) != nil || json.Compact(&line, envelope.Payload) != nil {
				return "", fmt.Errorf("MALFORMED entry %d: no envelope round JSON", i)
			}
			fmt.Println(line.String())
		}
	}
	return fmt.Sprintf("OK %d entries, root %v", tree.N, tree.Hash), nil
}

// open verifies a checkpoint. Opening a note succeeds with any one known key, so both the log's
// signature and the quorum are demanded here.
func open(name string, text []byte, logKeys, witnesses list, quorum int) (tlog.Tree, error) {
	var known []note.Verifier
	logs := make(map[string]bool)
	for _, vkey := range logKeys {
		verifier, err := note.NewVerifier(vkey)
		if err != nil {
			return tlog.Tree{}, fmt.Errorf("MALFORMED log key %q: %v", vkey, err)
		}
		known = append(known, verifier)
		logs[identity(verifier.Name(), verifier.KeyHash())] = true
	}
	keys := make(map[string]string)
	for _, vkey := range witnesses {
		verifier, err := newCosigner(vkey)
		if err != nil {
			return tlog.Tree{}, fmt.Errorf("MALFORMED witness key %q: %v", vkey, err)
		}
		who := identity(verifier.name, verifier.hash)
		if _, twice := keys[who]; !twice {
			known = append(known, verifier)
		}
		keys[who] = string(verifier.key)
	}
	opened, err := note.Open(text, note.VerifierList(known...))
	var unverified *note.UnverifiedNoteError
	var invalid *note.InvalidSignatureError
	if errors.As(err, &unverified) || errors.As(err, &invalid) {
		return tlog.Tree{}, fmt.Errorf("SIGNATURE of %s: %v", name, err)
	} else if err != nil {
		return tlog.Tree{}, fmt.Errorf("MALFORMED %s: %v", name, err)
	}
	origin, tree, err := parse(opened.Text)
	if err != nil {
		return tlog.Tree{}, fmt.Errorf("MALFORMED %s: %v", name, err)
	}
	byLog := false
	cosigned := make(map[string]bool)
	for _, signature := range opened.Sigs {
		who := identity(signature.Name, signature.Hash)
		byLog = byLog || logs[who] && signature.Name == origin
		if key, witness := keys[who]; witness {
			cosigned[key] = true
		}
	}
	if !byLog {
		return tlog.Tree{}, fmt.Errorf("SIGNATURE of %s: not by the log %s", name, origin)
	}
	if len(cosigned) < quorum {
		return tlog.Tree{}, fmt.Errorf("QUORUM of %s: %d of %d witnesses cosigned", name, len(cosigned), quorum)
	}
	return tree, nil
}

// parse reads the body of a checkpoint: origin, size, root; lines after them are extensions.
func parse(text string) (origin string, tree tlog.Tree, err error) {
	lines := strings.Split(text, "\n")
	if len(lines) < 4 || lines[0] == "" {
		return "", tree, errors.New("not three lines")
	}
	tree.N, err = strconv.ParseInt(lines[1], 10, 64)
	if err != nil || tree.N < 0 || strconv.FormatInt(tree.N, 10) != lines[1] {
		return "", tree, fmt.Errorf("not a size: %q", lines[1])
	}
	root, err := base64.StdEncoding.Strict().DecodeString(lines[2])
	if err != nil || len(root) != tlog.HashSize {
		return "", tree, fmt.Errorf("not a root: %q", lines[2])
	}
	copy(tree.Hash[:], root)
	return lines[0], tree, nil
}

// extends proves that a tree goes on from an older one.
func extends(tree, old tlog.Tree, hashes tlog.HashReader) error {
	fork := func(err error) error { return fmt.Errorf("FORK after a checkpoint of %d entries: %v", old.N, err) }
	if old.N == 0 {
		if old.Hash != sha256.Sum256(nil) {
			return fork(errors.New("not the root of an empty tree"))
		}
		return nil
	}
	proof, err := tlog.ProveTree(tree.N, old.N, hashes)
	if err != nil {
		return fmt.Errorf("DAMAGED tiles: %v", err)
	}
	if err := tlog.CheckTree(proof, tree.N, tree.Hash, old.N, old.Hash); err != nil {
		return fork(err)
	}
	return nil
}

// folder is a log's files. It is a tlog.TileReader.
type folder string

// entries reads all entries out of the bundles.
func (f folder) entries(size int64) ([][]byte, error) {
	var all [][]byte
	for n := int64(0); n*full < size; n++ {
		width := int(min(size-n*full, full))
		path, data, read, err := f.tile("entries", n, width)
		if err != nil {
			return nil, err
		}
		for i := 0; i < read; i++ {
			if len(data) < 2 || len(data)-2 < int(binary.BigEndian.Uint16(data)) {
				return nil, fmt.Errorf("DAMAGED %s: ends within entry %d", path, n*full+int64(i))
			}
			end := 2 + int(binary.BigEndian.Uint16(data))
			if i < width {
				all = append(all, data[2:end])
			}
			data = data[end:]
		}
		if len(data) > 0 {
			return nil, fmt.Errorf("DAMAGED %s: %d bytes more than %d entries", path, len(data), read)
		}
	}
	return all, nil
}

// whole checks every tile and every entry against the root. The tree is derived twice, from the
// entries alone and from the tiles alone, so that it can be said what is damaged.
func (f folder) whole(tree tlog.Tree, entries [][]byte) error {
	if tree.N == 0 {
		if tree.Hash != sha256.Sum256(nil) {
			return errors.New("DAMAGED checkpoint: not the root of an empty tree")
		}
		return nil
	}
	var stored hashes
	for i, entry := range entries {
		more, err := tlog.StoredHashes(int64(i), entry, &stored)
		if err != nil {
			return fmt.Errorf("MALFORMED entry %d: %v", i, err)
		}
		stored = append(stored, more...)
	}
	root, err := tlog.TreeHash(tree.N, &stored)
	if err != nil {
		return fmt.Errorf("MALFORMED tree: %v", err)
	}
	reader := tlog.TileHashReader(tree, f)
	if root == tree.Hash {
		// The entries are as signed, so each tile must be what they give.
		for _, tile := range tlog.NewTiles(height, 0, tree.N) {
			// Narrower ones from before may have been removed.
			if tile.W != width(tree.N>>(height*tile.L), tile.N) {
				continue
			}
			expected, err := tlog.ReadTileData(tile, &stored)
			if err != nil {
				return fmt.Errorf("MALFORMED tree: %v", err)
			}
			found, err := f.ReadTiles([]tlog.Tile{tile})
			if err != nil {
				return err
			}
			if !bytes.Equal(found[0], expected) {
				return fmt.Errorf("DAMAGED %s", path(strconv.Itoa(tile.L), tile.N, tile.W))
			}
		}
	}
	leaves := make([]int64, tree.N)
	for i := range leaves {
		leaves[i] = tlog.StoredHashIndex(0, int64(i))
	}
	found, err := reader.ReadHashes(leaves)
	if err != nil {
		return fmt.Errorf("DAMAGED tiles: %v", err)
	}
	for i, entry := range entries {
		if found[i] != tlog.RecordHash(entry) {
			return fmt.Errorf("DAMAGED %s: entry %d", path("entries", int64(i/full), width(tree.N, int64(i/full))), i)
		}
	}
	if root != tree.Hash {
		return errors.New("DAMAGED entries: they do not give the root")
	}
	// What is told to somebody who asks about one entry.
	for i := int64(0); i < tree.N; i += 1 + tree.N/full {
		proof, err := tlog.ProveRecord(tree.N, i, reader)
		if err == nil {
			err = tlog.CheckRecord(proof, tree.N, tree.Hash, i, found[i])
		}
		if err != nil {
			return fmt.Errorf("DAMAGED tiles: no proof of entry %d: %v", i, err)
		}
	}
	return nil
}

func (f folder) Height() int { return height }

func (f folder) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, tile := range tiles {
		path, data, read, err := f.tile(strconv.Itoa(tile.L), tile.N, tile.W)
		if err != nil {
			return nil, err
		}
		if len(data) != read*tlog.HashSize {
			return nil, fmt.Errorf("DAMAGED %s: %d bytes", path, len(data))
		}
		all = append(all, data[:tile.W*tlog.HashSize])
	}
	return all, nil
}

func (f folder) SaveTiles([]tlog.Tile, [][]byte) {}

// tile reads a file of the given width or, where that was removed, the full one; read says which.
func (f folder) tile(level string, n int64, width int) (name string, data []byte, read int, err error) {
	for _, read := range []int{width, full} {
		name = path(level, n, read)
		data, err = os.ReadFile(filepath.Join(string(f), name))
		if err == nil {
			return name, data, read, nil
		}
	}
	return "", nil, 0, fmt.Errorf("DAMAGED %s: %v", path(level, n, width), err)
}

// path is where C2SP tlog-tiles puts a tile, which is not where Go's Tile.Path does.
func path(level string, n int64, width int) string {
	name := fmt.Sprintf("%03d", n%1000)
	for n >= 1000 {
		n /= 1000
		name = fmt.Sprintf("x%03d/%s", n%1000, name)
	}
	if width < full {
		name = fmt.Sprintf("%s.p/%d", name, width)
	}
	return "tile/" + level + "/" + name
}

func width(size, n int64) int { return int(min(size-n*full, full)) }

func min(a, b int64) int64 {
	if a < b {
		return a
	}
	return b
}

// hashes holds a whole tree.
type hashes []tlog.Hash

func (h *hashes) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	var all []tlog.Hash
	for _, i := range indexes {
		if i >= int64(len(*h)) {
			return nil, fmt.Errorf("no hash %d", i)
		}
		all = append(all, (*h)[i])
	}
	return all, nil
}

// cosigner verifies cosignature/v1, which x/mod does not know: eight bytes of time before the
// signature, and the time in what is signed.
type cosigner struct {
	name string
	hash uint32
	key  ed25519.PublicKey
}

func newCosigner(vkey string) (*cosigner, error) {
	const algorithm = 4
	parts := strings.SplitN(vkey, "+", 3)
	if len(parts) != 3 {
		return nil, errors.New("not NAME+HASH+KEY")
	}
	hash, err := strconv.ParseUint(parts[1], 16, 32)
	if err != nil {
		return nil, err
	}
	key, err := base64.StdEncoding.DecodeString(parts[2])
	if err != nil || len(key) != 1+ed25519.PublicKeySize || key[0] != algorithm {
		return nil, errors.New("not a key for cosignatures")
	}
	sum := sha256.Sum256(append([]byte(parts[0]+"\n"), key...))
	if binary.BigEndian.Uint32(sum[:]) != uint32(hash) {
		return nil, errors.New("the hash is another key's")
	}
	return &cosigner{parts[0], uint32(hash), key[1:]}, nil
}

func (c *cosigner) Name() string    { return c.name }
func (c *cosigner) KeyHash() uint32 { return c.hash }
func (c *cosigner) Verify(text, signature []byte) bool {
	if len(signature) != 8+ed25519.SignatureSize {
		return false
	}
	message := fmt.Sprintf("cosignature/v1\ntime %d\n%s", binary.BigEndian.Uint64(signature), text)
	return ed25519.Verify(c.key, []byte(message), signature[8:])
}

func identity(name string, hash uint32) string { return fmt.Sprintf("%s+%08x", name, hash) }

// list is a flag that may be given several times.
type list []string

func (l *list) String() string     { return strings.Join(*l, " ") }
func (l *list) Set(s string) error { *l = append(*l, s); return nil }
