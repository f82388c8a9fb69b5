"""Who is told what, and when: pure rules over what happened to tasks, reviews and schedules."""
