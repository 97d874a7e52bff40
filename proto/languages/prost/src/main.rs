//! Writes the messages and client stubs of a serialized `FileDescriptorSet` to a folder:
//! `switchyard-prost DESCRIPTORS FOLDER`. One file per proto package, and `mod.rs`, which makes modules of them.

use std::error::Error;
use std::path::PathBuf;

use prost::Message;
use prost_types::FileDescriptorSet;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(descriptors), Some(folder), None) =
        (arguments.next(), arguments.next(), arguments.next())
    else {
        return Err("usage: switchyard-prost DESCRIPTORS FOLDER".into());
    };
    let files = FileDescriptorSet::decode(std::fs::read(descriptors)?.as_slice())?;
    tonic_prost_build::configure()
        .build_server(false)
        // `connect` on each client would want tonic's own transport; a channel is given to `new`.
        .build_transport(false)
        .out_dir(folder)
        .include_file("mod.rs")
        .compile_fds(files)?;
    Ok(())
}
