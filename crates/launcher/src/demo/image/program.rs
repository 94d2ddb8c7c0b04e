//! This program's files: itself, the loader that it asks for, and the libraries that it is linked with.

use std::path::PathBuf;

use anyhow::Result;

use super::archive::Entry;

/// The files, at the paths where they must lie in an image.
#[cfg(not(target_os = "linux"))]
pub(super) fn files() -> Result<Vec<(PathBuf, Entry)>> {
    anyhow::bail!(
        "an image of this program can only be built where it is a Linux program; run it in a Linux \
         machine, such as a virtual one"
    )
}

/// The files, at the paths where they must lie in an image.
#[cfg(target_os = "linux")]
pub(super) fn files() -> Result<Vec<(PathBuf, Entry)>> {
    let program = linux::read(std::path::Path::new("/proc/self/exe"))?;
    let mut files = Vec::new();
    // A static program needs nothing but itself.
    if let Some(loader) = linux::interpreter(&program)? {
        files = linux::linked_with(&loader)?;
    }
    files.push((PathBuf::from("/launcher"), Entry::File(program)));
    Ok(files)
}

#[cfg(target_os = "linux")]
mod linux {
    use std::collections::BTreeSet;
    use std::fs;
    use std::os::unix::fs::MetadataExt;
    use std::path::{Path, PathBuf};

    use anyhow::{Context, Result, anyhow};
    use object::FileKind;
    use object::elf::{FileHeader32, FileHeader64};
    use object::endian::Endianness;
    use object::read::elf::{FileHeader, ProgramHeader};

    use super::super::archive::Entry;

    pub(super) fn read(path: &Path) -> Result<Vec<u8>> {
        fs::read(path).with_context(|| format!("cannot read {}", path.display()))
    }

    /// The loader that an ELF file names (`PT_INTERP`); a static one names none.
    pub(super) fn interpreter(program: &[u8]) -> Result<Option<PathBuf>> {
        let named = match FileKind::parse(program) {
            Ok(FileKind::Elf64) => named_in::<FileHeader64<Endianness>>(program),
            Ok(FileKind::Elf32) => named_in::<FileHeader32<Endianness>>(program),
            Ok(other) => {
                return Err(anyhow!("this program is a file of the kind {other:?}, not ELF"));
            }
            Err(error) => Err(error),
        };
        named.context("cannot read this program's headers")
    }

    fn named_in<H: FileHeader<Endian = Endianness>>(
        program: &[u8],
    ) -> object::read::Result<Option<PathBuf>> {
        let header = H::parse(program)?;
        let endian = header.endian()?;
        for segment in header.program_headers(endian, program)? {
            if let Some(name) = segment.interpreter(endian, program)? {
                return Ok(Some(PathBuf::from(String::from_utf8_lossy(name).into_owned())));
            }
        }
        Ok(None)
    }

    /// The loader, and the libraries that it has loaded for this process, each where the loader found
    /// it, under all the names by which it may have been asked for.
    pub(super) fn linked_with(loader: &Path) -> Result<Vec<(PathBuf, Entry)>> {
        let mut files = vec![(loader.to_owned(), Entry::File(read(loader)?))];
        for library in loaded_libraries()? {
            if fs::canonicalize(loader).is_ok_and(|real| real == library) {
                continue;
            }
            for name in other_names(&library)? {
                files.push((name, Entry::Link(library.clone())));
            }
            let content = read(&library)?;
            files.push((library, Entry::File(content)));
        }
        Ok(files)
    }

    fn loaded_libraries() -> Result<BTreeSet<PathBuf>> {
        let maps = fs::read_to_string("/proc/self/maps")
            .context("cannot read /proc/self/maps, which tells the libraries of this program")?;
        let own = fs::metadata("/proc/self/exe").context("cannot find this program's own file")?;
        Ok(maps.lines().filter_map(|line| executable_file(line, own.ino())).collect())
    }

    /// The file of a line of `/proc/self/maps` (proc(5)), if code of it other than `own` is mapped.
    fn executable_file(line: &str, own: u64) -> Option<PathBuf> {
        let mut fields = line.splitn(6, ' ');
        let (_range, rights) = (fields.next()?, fields.next()?);
        let (_offset, _device, inode) = (fields.next()?, fields.next()?, fields.next()?);
        let path = fields.next()?.trim_start();
        let library = rights.contains('x') && path.starts_with('/') && inode.parse() != Ok(own);
        library.then(|| PathBuf::from(path))
    }

    /// The links beside a library that lead to it: `libc.so.6` for `libc-2.31.so`.
    fn other_names(library: &Path) -> Result<Vec<PathBuf>> {
        let Some(directory) = library.parent() else { return Ok(Vec::new()) };
        let listed = fs::read_dir(directory)
            .with_context(|| format!("cannot list {}", directory.display()))?;
        let links =
            listed.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_symlink()));
        Ok(links
            .map(|entry| entry.path())
            .filter(|link| fs::canonicalize(link).is_ok_and(|real| real == library))
            .collect())
    }
}
