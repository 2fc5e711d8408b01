"""What Likeness costs beside what it stands on: each figure beside the limit it could reach at best."""
