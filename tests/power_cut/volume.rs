//! An ext4 file system in a file, whose power can be cut. Needs root and a loop device.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const IMAGE_BYTES: u64 = 1_024 * 1_024 * 1_024;

pub struct Volume {
    image: PathBuf,
    pub mounted_at: PathBuf,
    is_mounted: bool,
}

impl Volume {
    /// Makes and mounts a volume below `desk`, or says why that cannot be done on this machine.
    pub fn make(desk: &Path) -> Result<Volume, String> {
        let (image, mounted_at) = (desk.join("volume.ext4"), desk.join("volume"));
        let file = std::fs::File::create(&image).map_err(|error| error.to_string())?;
        file.set_len(IMAGE_BYTES).map_err(|error| error.to_string())?;
        std::fs::create_dir(&mounted_at).map_err(|error| error.to_string())?;
        run(Command::new("mkfs.ext4").args(["-q", "-F"]).arg(&image))?;
        let mut volume = Volume { image, mounted_at, is_mounted: false };
        volume.mount()?;
        Ok(volume)
    }

    fn mount(&mut self) -> Result<(), String> {
        let mut command = Command::new("mount");
        run(command.args(["-t", "ext4", "-o", "loop"]).arg(&self.image).arg(&self.mounted_at))?;
        self.is_mounted = true;
        Ok(())
    }

    fn unmount(&mut self) -> Result<(), String> {
        run(Command::new("umount").arg(&self.mounted_at))?;
        self.is_mounted = false;
        Ok(())
    }

    /// From here on no write reaches the image; reads and writes fail.
    pub fn cut_power(&self) -> Result<(), String> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/power_cut/cut.py");
        run(Command::new("python3").arg(script).arg(&self.mounted_at)).map(|_| ())
    }

    /// What a machine does when its power returns.
    pub fn power_returns(&mut self) {
        self.unmount().expect("nothing uses the volume any more");
        self.mount().expect("ext4 recovers");
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        if self.is_mounted
            && let Err(story) = self.unmount()
        {
            eprintln!("power cut: the volume stays mounted: {story}");
        }
    }
}

fn run(command: &mut Command) -> Result<Output, String> {
    let named = format!("{command:?}");
    let output = command.output().map_err(|error| format!("{named}: {error}"))?;
    if output.status.success() {
        return Ok(output);
    }
    Err(format!("{named}: {}", String::from_utf8_lossy(&output.stderr).trim()))
}
